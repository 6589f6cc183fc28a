"""Networks: tensors in, tensors out. They know nothing of distributions; heads know nothing of networks."""
