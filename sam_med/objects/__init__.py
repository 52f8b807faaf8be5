"""Objects: segments and label maps, their names, codes and sizes."""
