"""Who somebody is: guests, linked identities, merged rows (spec 08)."""
