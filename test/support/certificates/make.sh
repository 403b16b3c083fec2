#!/bin/sh
# Makes the certificates in this directory anew, with OpenSSL 3. They are for tests only: their key is public, and their
# authority is thrown away. Usage: ./make.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > openssl.cnf <<'END'
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
keyUsage = critical, keyCertSign, cRLSign
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
default_crl_days = 36500
policy = any
unique_subject = no
copy_extensions = copy
[any]
countryName = optional
organizationName = optional
commonName = supplied
END
touch index.txt

PAST=20200101000000Z
FUTURE=21200101000000Z
NEVER=21250101000000Z

# authority FILE NAME
authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -x509 -config openssl.cnf -extensions authority -new -key "$1.key" -subj "/CN=$2" -days 36500 -out "$1.pem"
}

# leaf FILE AUTHORITY SUBJECT SUBJECT_ALT_NAME [FROM [TO]]
leaf() {
  openssl req -config openssl.cnf -new -key key.pem -subj "$3" -addext "subjectAltName = $4" -out "$1.csr"
  openssl ca -batch -notext -config openssl.cnf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
    -startdate "${5:-$PAST}" -enddate "${6:-$NEVER}"
}

openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out key.pem
authority ca 'Test CA'
authority other_ca 'Other CA'
# Another key under the same name.
authority forged_ca 'Test CA'

HERE='DNS:localhost, IP:127.0.0.1, IP:::1'
leaf server ca /CN=localhost "$HERE"
leaf server_expired ca /CN=localhost "$HERE" "$PAST" 20210101000000Z
leaf server_future ca /CN=localhost "$HERE" "$FUTURE"
leaf server_revoked ca /CN=localhost "$HERE"
leaf server_other_name ca /CN=other.example 'DNS:other.example'
leaf server_other_ca other_ca /CN=localhost "$HERE"
leaf server_forged forged_ca /CN=localhost "$HERE"

SEVEN='URI:urn:lottery:agency:7, DNS:agency-7.example, IP:192.0.2.7, IP:2001:db8::7, email:seven@agency.example'
leaf client ca '/C=AR/O=Lottery/CN=agency 7' "$SEVEN"
leaf client_expired ca '/CN=agency 7' "$SEVEN" "$PAST" 20210101000000Z
leaf client_future ca '/CN=agency 7' "$SEVEN" "$FUTURE"
leaf client_revoked ca '/CN=agency 7' "$SEVEN"
leaf client_other_ca other_ca '/CN=agency 7' "$SEVEN"
leaf client_forged forged_ca '/CN=agency 7' "$SEVEN"
# Names that a careless parser takes for several.
cat > hostile.cnf <<'END'
URI.1 = urn:lottery:agency:7, URI:urn:lottery:agency:8
DNS.1 = "a.example\", DNS:b.example"
dirName.1 = directory
otherName.1 = 1.2.3.4;UTF8:agency, URI:urn:lottery:agency:9
RID.1 = 1.2.3.4
[directory]
CN = x, URI:urn:lottery:agency:10
END
{ cat openssl.cnf; printf '[hostile]\nsubjectAltName = @names\n[names]\n'; cat hostile.cnf; } > hostile_all.cnf
openssl req -config hostile_all.cnf -reqexts hostile -new -key key.pem -subj '/CN=a, CN=b' -out client_hostile.csr
openssl ca -batch -notext -config openssl.cnf -cert ca.pem -keyfile ca.key -in client_hostile.csr -out client_hostile.pem \
  -startdate "$PAST" -enddate "$NEVER"

for revoked in server_revoked client_revoked; do
  openssl ca -config openssl.cnf -cert ca.pem -keyfile ca.key -revoke "$revoked.pem"
done
openssl ca -config openssl.cnf -cert ca.pem -keyfile ca.key -gencrl -out crl.pem

rm -f "$here"/*.pem
cp key.pem ca.pem other_ca.pem server*.pem client*.pem crl.pem "$here"
