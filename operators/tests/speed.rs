//! Figures, not checks: `cargo test --release -p operators --test operators -- --ignored --nocapture speed`.
