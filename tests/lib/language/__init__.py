"""A second opinion on the rule language: a reference, written from the pages that users read and not from the program,
a generator of mapping files that seeks the edges, and the comparison with what the program says.
"""
