//! What holds for any sequence of cookies and requests. The seed of a failure is in its message; `SORTIE_SEED` sets it.

mod bounds;
mod draw;
mod like_the_rfc;
mod on_disk;
mod rfc;
