//! HTTP client sessions as a stack of tower layers over a pooled hyper connector.
