"""Owns rows: the lab database, one SQLite file. Imports nothing here, so that `store.errors` is cheap to import."""
