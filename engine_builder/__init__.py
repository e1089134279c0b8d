"""The offline side: reads `.wts` weights and makes model directories the service can load."""
