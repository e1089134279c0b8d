"""Long videos without a connection to hold: jobs in a database, worked on by any server that shares it."""
