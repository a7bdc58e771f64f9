//! Which files there are: those that git knows or would take; all but what builds leave behind where there is no git.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// What builds leave behind, for trees without git; beside it everything hidden that is not listed below.
const LEFT_BEHIND: [&str; 4] = ["__pycache__", "build", "dist", "target"];
const HIDDEN_BUT_OURS: [&str; 3] = [".cargo", ".ci", ".github"];

/// Path (from the root, with slashes) and text of every file that is tracked, or new and not ignored.
///
/// Files that are not UTF-8 are no text, and not listed. Files deleted since the last commit are not there to be read.
///
/// # Errors
/// git cannot be run or refuses, or a file cannot be read.
pub fn read(root: &Path) -> io::Result<Vec<(String, String)>> {
    let mut paths = if root.join(".git").exists() {
        known_to_git(root)?
    } else {
        let mut paths = Vec::new();
        walk(root, "", &mut paths)?;
        paths
    };
    // git lists a file in conflict once for each side.
    paths.sort();
    paths.dedup();
    let mut texts = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::read(root.join(&path)).map(String::from_utf8) {
            Ok(Ok(text)) => texts.push((path, text)),
            Ok(Err(_not_text)) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // What git lists as one entry but is a directory is another repository.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        }
    }
    Ok(texts)
}

fn known_to_git(root: &Path) -> io::Result<Vec<String>> {
    let listed = Command::new("git")
        .current_dir(root)
        // A checkout may belong to another user than the one who tests it; listing runs nothing of it.
        .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false"])
        .args(["ls-files", "-z", "-co", "--exclude-standard"])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("git ls-files: {error}")))?;
    if !listed.status.success() {
        let complaint = String::from_utf8_lossy(&listed.stderr);
        let text = format!("git ls-files: {}", complaint.trim());
        return Err(io::Error::other(text));
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}

/// Adds the files below `root/prefix`; `prefix` is empty or ends with a slash.
fn walk(root: &Path, prefix: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_dir() {
            paths.push(format!("{prefix}{name}"));
        } else if HIDDEN_BUT_OURS.contains(&&*name)
            || !(name.starts_with('.') || LEFT_BEHIND.contains(&&*name))
        {
            walk(root, &format!("{prefix}{name}/"), paths)?;
        }
    }
    Ok(())
}
