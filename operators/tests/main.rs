//! Every operator against a naive recomputation.
