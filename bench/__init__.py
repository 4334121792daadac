"""What failwell costs, beside the bare libraries and its peers: `make bench`."""
