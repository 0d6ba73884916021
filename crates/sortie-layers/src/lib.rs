//! The light tower layers of sortie's HTTP client sessions: headers, query, base URL, auth, redirect, retry, timeout, hooks, mounts.
