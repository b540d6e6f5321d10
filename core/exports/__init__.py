"""What is taken out of the library: proof kits, archives, TensorFlow Serving layouts."""
