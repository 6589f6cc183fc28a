"""Files as datasets read them: recognised by their content, checked before memory is taken, fetched."""
