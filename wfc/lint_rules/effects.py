"""Family 2, effects. All of it is found by `compiler/gather_effects.py`, in file mode and with a
project alike, so that import hook, build and linter say the same sentence for the same fault.
"""
