"""The query language once more, in Python: slow and as literal as its specification lets it be.

`docs/protocol/query-language.md` is all it was written from; the product has to agree with it.
Nothing here is shared with `csrc/query`: a rule misread twice in the same way is the only error
that the two can have in common.
"""
