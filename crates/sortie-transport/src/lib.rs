//! The pooled hyper connector of sortie as one tower service.
