"""Tables of results, cell by cell: what they are made of, what is done, what is left, and how they look.

A cell is one number: a data set, a way of pre-training, an evaluation, a seed. It is computed by the commands
that a user could type, and known again by what its result file says, not by the file's name.
"""
