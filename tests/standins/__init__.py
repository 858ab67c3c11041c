"""Stand-ins for products that cannot be shipped: their documented behaviour, over real servers."""
