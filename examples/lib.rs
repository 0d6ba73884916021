//! Programs that each answer one question about sortie; see the files beside this one.
