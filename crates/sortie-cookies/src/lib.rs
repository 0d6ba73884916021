//! A cookie jar after RFC 6265bis and the tower layer that keeps it.
