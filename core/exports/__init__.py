"""What is exported from the library: proof kits, archives, TensorFlow Serving layouts."""
