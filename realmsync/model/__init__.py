"""The data model: classes and their schemas, realms, live objects and collections, transactions."""
