//! End-to-end tests of sortie, one module per behaviour.
