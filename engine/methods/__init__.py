"""One file a method; what each is called and takes stands in engine/catalog/methods.py."""
