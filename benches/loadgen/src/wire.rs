//! What a connection's bytes go through: the socket itself, a pipe before it, or TLS on it.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::spliced::Spliced;

/// Most plain bytes that TLS keeps for a socket that takes no more.
const TLS_BUFFER_BYTES: usize = 256 * 1024;

/// Any of the ways.
#[derive(Debug)]
pub enum Wire {
    /// Bytes as they are.
    Plain(OwnedFd),
    /// The same without a copy.
    Spliced(Spliced),
    /// Encrypted.
    Tls(Box<Tls>),
}

/// A TLS client on a socket.
#[derive(Debug)]
pub struct Tls {
    socket: TcpStream,
    session: ClientConnection,
}

/// Trusts the authorities of a PEM file, and nobody else.
///
/// # Errors
/// What is wrong with the file.
pub fn tls_config(authorities: &Path) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(authorities).map_err(|error| error.to_string())?;
    for certificate in found {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Wire {
    /// A socket as it is, or with TLS if there is a configuration; the server must be "localhost".
    ///
    /// # Errors
    /// The configuration is of no use.
    pub fn new(socket: OwnedFd, tls: Option<&Arc<ClientConfig>>) -> Result<Self, String> {
        let Some(config) = tls else {
            return Ok(Self::Plain(socket));
        };
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        let mut session =
            ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
        session.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        let socket = TcpStream::from(socket);
        Ok(Self::Tls(Box::new(Tls { socket, session })))
    }

    /// As read(2): 0 is the end of the stream; `AGAIN` when nothing is there.
    ///
    /// # Errors
    /// The kernel's, or `PROTO` for what is no TLS.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Plain(socket) => rustix::io::read(&*socket, buffer),
            Self::Spliced(spliced) => rustix::io::read(spliced.as_fd(), buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// As writev(2): how much was taken, by the socket or, with TLS, to be sent by [`flush`](Self::flush).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        match self {
            Self::Plain(socket) => rustix::io::writev(&*socket, slices),
            Self::Spliced(spliced) => spliced.write(slices),
            Self::Tls(tls) => tls.write(slices),
        }
    }

    /// Sends what TLS has taken; true if some of it still waits here for the socket.
    ///
    /// # Errors
    /// The kernel's.
    pub fn flush(&mut self) -> Result<bool, Errno> {
        match self {
            Self::Plain(_) | Self::Spliced(_) => Ok(false),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            Self::Spliced(spliced) => spliced.as_fd(),
            Self::Tls(tls) => tls.socket.as_fd(),
        }
    }
}

impl Tls {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            match self.session.reader().read(buffer) {
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The stream ended without TLS's own end: asyncio's abort and, in places, its close.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(errno(&error)),
            }
            self.session
                .read_tls(&mut self.socket)
                .map_err(|error| errno(&error))?;
            self.session
                .process_new_packets()
                .map_err(|_| Errno::PROTO)?;
        }
    }

    fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let taken = self.session.writer().write_vectored(slices);
        match taken.map_err(|error| errno(&error))? {
            0 => Err(Errno::AGAIN),
            len => Ok(len),
        }
    }

    fn flush(&mut self) -> Result<bool, Errno> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(&error)),
            }
        }
        Ok(false)
    }
}

/// The socket's error number; what has none is TLS's own complaint.
fn errno(error: &std::io::Error) -> Errno {
    match error.kind() {
        ErrorKind::WouldBlock => Errno::AGAIN,
        _ => Errno::from_io_error(error).unwrap_or(Errno::PROTO),
    }
}
