"""Import of a model from outside: its request, its trial on inputs, the job."""
