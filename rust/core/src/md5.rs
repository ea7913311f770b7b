//! MD5 passwords (Protocol 55.2.1, AuthenticationMD5Password): what PostgreSQL stores, and what a client answers.
use md5::{Digest, Md5};

const PREFIX: &[u8; 3] = b"md5";

/// Length of both: `md5` and 32 hexadecimal digits.
pub const LENGTH: usize = 35;

/// What is stored of a password: `md5` and the MD5 of password and user name.
pub fn md5_password(password: &[u8], user: &[u8]) -> [u8; LENGTH] {
    written(password, user)
}

/// What proves the stored form: `md5` and the MD5 of its digits and the salt. `None`: `stored` is too short to be one.
pub fn md5_response(stored: &[u8], salt: &[u8]) -> Option<[u8; LENGTH]> {
    let digits = stored.strip_prefix(PREFIX)?;
    (stored.len() == LENGTH).then(|| written(digits, salt))
}

fn written(first: &[u8], second: &[u8]) -> [u8; LENGTH] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digest = Md5::new()
        .chain_update(first)
        .chain_update(second)
        .finalize();
    let mut text = [0; LENGTH];
    text[..3].copy_from_slice(PREFIX);
    for (pair, byte) in text[3..].chunks_exact_mut(2).zip(digest) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}
