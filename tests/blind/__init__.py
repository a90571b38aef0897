"""The blind corpus: snippets written from the specification alone, to judge the analyser by."""
