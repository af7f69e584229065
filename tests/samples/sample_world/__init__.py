"""The made-up world the sample tenants are cut from. Run `../make_samples.py` to write them."""
