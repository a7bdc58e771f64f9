//! Makes `cfg(Py_3_12)` and its siblings available; without this call such branches are compiled out silently.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
