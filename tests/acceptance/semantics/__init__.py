"""What a program means, end to end: one project, many named cases, three modes."""
