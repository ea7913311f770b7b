//! The arithmetic of SCRAM-SHA-256 (RFC 5802 §3, RFC 7677). The messages that a server takes are in `scram_server`, the others Python's.
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a key, a signature and a proof.
pub const KEY_LENGTH: usize = 32;

pub type Key = [u8; KEY_LENGTH];

/// PBKDF2 with HMAC-SHA-256: `Hi()` of the RFC. Its work grows with `iterations`, which must not be 0.
pub fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Key {
    pbkdf2::pbkdf2_hmac_array::<Sha256, KEY_LENGTH>(password, salt, iterations)
}

/// The three keys that come from a salted password.
pub struct Keys {
    pub client: Key,
    pub stored: Key,
    pub server: Key,
}

impl Keys {
    pub fn of(salted_password: &Key) -> Keys {
        let client = hmac(salted_password, b"Client Key");
        Keys {
            stored: sha256(&client),
            server: hmac(salted_password, b"Server Key"),
            client,
        }
    }
}

/// What the client shows: its key, hidden under a signature that only who has the stored key can take off.
pub fn client_proof(client_key: &Key, auth_message: &[u8]) -> Key {
    xor(client_key, &hmac(&sha256(client_key), auth_message))
}

/// Whether the proof was made with the client key that belongs to `stored_key`; compared in constant time.
pub fn check_proof(stored_key: &Key, auth_message: &[u8], proof: &Key) -> bool {
    let client_key = xor(proof, &hmac(stored_key, auth_message));
    sha256(&client_key).ct_eq(stored_key).into()
}

/// What the server proves with that it knows the password too.
pub fn server_signature(server_key: &Key, auth_message: &[u8]) -> Key {
    hmac(server_key, auth_message)
}

/// The salt that a user who does not exist always gets, from a secret of any length.
pub fn mock_salt(secret: &[u8], user: &[u8]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"salt");
    mac.update(user);
    let tag: Key = mac.finalize().into_bytes().into();
    std::array::from_fn(|index| tag[index])
}

fn hmac(key: &Key, message: &[u8]) -> Key {
    let mut block = [0; 64]; // a key shorter than a block is filled up with zeros (RFC 2104 §2)
    block[..KEY_LENGTH].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn sha256(data: &[u8]) -> Key {
    Sha256::digest(data).into()
}

fn xor(one: &Key, two: &Key) -> Key {
    std::array::from_fn(|index| one[index] ^ two[index])
}
