"""Applications as their operators configure them: folders, schemas, rules, accounts."""
