"""DBOS Transact as the engine of the job queue: several storage nodes on one PostgreSQL.

What is true of a job stands in the product's own tables; DBOS decides when a job is offered to its node, and
remembers across any crash that it has to. See docs/adr/0020.
"""
