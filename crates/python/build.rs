//! Makes `cfg(Py_3_12)` and its siblings available; without this call such branches are compiled out silently. And says how the
//! extension is built, for whoever reports figures.
fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    let variable = |name| std::env::var(name).unwrap_or_default();
    let profiled = variable("CARGO_ENCODED_RUSTFLAGS").contains("profile-use");
    let build = match variable("PROFILE").as_str() {
        "release" if profiled => "release, profile-guided",
        "release" => "release",
        _ => "dev",
    };
    println!("cargo:rustc-env=FERRIO_BUILD={build}");
}
