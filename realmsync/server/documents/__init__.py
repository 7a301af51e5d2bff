"""The small part of MongoDB's language that functions use: filters and updates of documents."""
