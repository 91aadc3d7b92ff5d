//! The ciphers of the providers (`k8s.io/apiserver/pkg/storage/value/encrypt/{aes,secretbox}`): each decrypts the bytes
//! after the text prefix, and returns `None` when the key is wrong.

use aes_gcm::{
    Aes128Gcm, Aes256Gcm, AesGcm, KeyInit,
    aead::{Aead, Payload, consts::U12},
    aes::{Aes128, Aes192, Aes256},
};
use cbc::{
    Decryptor,
    cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher, block_padding::Pkcs7},
};
use poly1305::Poly1305;
use salsa20::XSalsa20;

use super::secret::Secret;
use crate::{hash::hmac_sha256, k8s::stored::Stored};

type Aes192Gcm = AesGcm<Aes192, U12>;

/// `NewCBCTransformer`: IV (16 bytes), blocks, PKCS#7 padding.
///
/// Only the padding proves that the key is right, and one wrong key in 256 passes that: the plaintext must also have
/// a form that an API server stores.
pub(super) fn aes_cbc(key: &Secret, data: &[u8]) -> Option<Vec<u8>> {
    fn open<C: BlockModeDecrypt + KeyIvInit>(key: &[u8], iv: &[u8], blocks: &[u8]) -> Option<Vec<u8>> {
        C::new_from_slices(key, iv).ok()?.decrypt_padded_vec::<Pkcs7>(blocks).ok()
    }
    let (iv, blocks) = data.split_at_checked(16)?;
    let plain = match key.0.len() {
        16 => open::<Decryptor<Aes128>>(&key.0, iv, blocks),
        24 => open::<Decryptor<Aes192>>(&key.0, iv, blocks),
        _ => open::<Decryptor<Aes256>>(&key.0, iv, blocks),
    }?;
    matches!(Stored::new(&plain), Ok(Stored::Protobuf(_) | Stored::Json(_) | Stored::Cbor(_))).then_some(plain)
}

/// `NewGCMTransformer`: nonce (12 bytes), ciphertext, tag; `etcd_key` is authenticated with it.
pub(super) fn aes_gcm(key: &Secret, data: &[u8], etcd_key: &[u8]) -> Option<Vec<u8>> {
    fn open<C: Aead + KeyInit>(key: &[u8], nonce: &[u8], payload: Payload<'_, '_>) -> Option<Vec<u8>> {
        C::new_from_slice(key).ok()?.decrypt(nonce.try_into().ok()?, payload).ok()
    }
    let (nonce, msg) = data.split_at_checked(12)?;
    let payload = Payload { msg, aad: etcd_key };
    match key.0.len() {
        16 => open::<Aes128Gcm>(&key.0, nonce, payload),
        24 => open::<Aes192Gcm>(&key.0, nonce, payload),
        _ => open::<Aes256Gcm>(&key.0, nonce, payload),
    }
}

/// `NewHKDFExtendedNonceGCMTransformer`: info (32 bytes), then as [`aes_gcm`] under a key derived from the seed
/// and the info: HKDF-Expand with SHA-256, of which 32 bytes are the first block.
pub(super) fn extended_nonce_gcm(seed: &Secret, data: &[u8], etcd_key: &[u8]) -> Option<Vec<u8>> {
    let (info, data) = data.split_at_checked(32)?;
    let key = Secret(hmac_sha256(&seed.0, &[info, &[1]]).to_vec());
    aes_gcm(&key, data, etcd_key)
}

/// `NewSecretboxTransformer`, that is NaCl's `crypto_secretbox`: nonce (24 bytes), tag (16 bytes), ciphertext. The
/// first 32 bytes of XSalsa20's stream are the key of Poly1305.
pub(super) fn secretbox(key: &Secret, data: &[u8]) -> Option<Vec<u8>> {
    let (nonce, boxed) = data.split_at_checked(24)?;
    let (tag, text) = boxed.split_at_checked(16)?;
    let mut stream = XSalsa20::new_from_slices(&key.0, nonce).ok()?;
    let mut poly_key = [0; 32];
    stream.try_apply_keystream(&mut poly_key).ok()?;
    if Poly1305::new(&poly_key.into()).compute_unpadded(text).as_slice() != tag {
        return None;
    }
    let mut plain = text.to_vec();
    stream.try_apply_keystream(&mut plain).ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::seal::secret::unhex;

    const KEY: &[u8] = b"/registry/secrets/default/s1";
    const PLAIN: &[u8] = br#"{"kind":"Secret"}"#;

    fn bytes(from: u8, n: u8) -> Secret {
        Secret((from..from + n).collect())
    }

    // The transformers of k8s.io/apiserver v0.37.2 decrypt each of them.
    const AESCBC: &str =
        "101112131415161718191a1b1c1d1e1f96d53b3f1d4737ef51eaf5ef90c15ca8247f3128921be97357df77f610174a1b";
    const AESGCM: &str = "a0a1a2a3a4a5a6a7a8a9aaab9d3a17442baf20854036e2b0751fb4fc0dfa27ae86c767c342880f61f726279111";
    const SECRETBOX: &str = "404142434445464748494a4b4c4d4e4f50515253545556571007baaedbcce217e6847a4c020c886c31353e1054359910e40a14021aec2ed3b3";
    const SEEDED: &str = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5fa0a1a2a3a4a5a6a7a8a9aaab20c32d427951901830b5eeacff998901c3f98a6632bc03a5e998714c3ab98bf013";

    #[test]
    fn golden_values_open() {
        let key = bytes(0, 32);
        assert_eq!(aes_cbc(&key, &unhex(AESCBC)).unwrap(), PLAIN);
        assert_eq!(aes_gcm(&key, &unhex(AESGCM), KEY).unwrap(), PLAIN);
        assert_eq!(secretbox(&key, &unhex(SECRETBOX)).unwrap(), PLAIN);
        assert_eq!(extended_nonce_gcm(&bytes(0x20, 32), &unhex(SEEDED), KEY).unwrap(), PLAIN);
        let derived = unhex("8edfb37bb233a4d9b39acb8354f81f95e43e1d6a72a7997da2ed8df63e399927");
        assert_eq!(hmac_sha256(&bytes(0x20, 32).0, &[&bytes(0x40, 32).0, &[1]]).as_slice(), derived);
    }

    #[test]
    fn a_wrong_key_or_place_or_length_opens_nothing() {
        let (key, wrong, elsewhere) = (bytes(0, 32), bytes(1, 32), b"/registry/secrets/default/s2");
        assert_eq!(aes_gcm(&key, &unhex(AESGCM), elsewhere), None);
        assert_eq!(extended_nonce_gcm(&bytes(0x20, 32), &unhex(SEEDED), elsewhere), None);
        for data in [AESCBC, AESGCM, SECRETBOX, SEEDED].map(unhex) {
            for len in 0..=data.len() {
                assert_eq!(aes_cbc(&wrong, &data[..len]), None);
                assert_eq!(aes_gcm(&wrong, &data[..len], KEY), None);
                assert_eq!(secretbox(&wrong, &data[..len]), None);
                assert_eq!(extended_nonce_gcm(&wrong, &data[..len], KEY), None);
            }
        }
        for len in [0, 15, 17, 31, 33] {
            assert_eq!(aes_cbc(&bytes(0, len), &unhex(AESCBC)), None);
            assert_eq!(aes_gcm(&bytes(0, len), &unhex(AESGCM), KEY), None);
            assert_eq!(secretbox(&bytes(0, len), &unhex(SECRETBOX)), None);
        }
    }
}
