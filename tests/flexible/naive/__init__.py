"""Flexible sync once more, in Python: slow, and as literal as its specification lets it be.

Written from `docs/protocol/` alone (flexible-sync.md above all) and from the recordings in
`tests/vectors/wire-flx`, which are right over it. Nothing of `csrc/views`, `csrc/rules` or
`csrc/server` was looked at: a rule misread twice in the same way is the only error that the product
and this model can have in common. The codec and the merge of changesets are the product's; they are
judged in `tests/changeset` and `tests/merge`.
"""
