// go-verify judges certificate chains with Go's crypto/x509, independently of OpenSSL and of our own code.
// It reads cases as JSON lines and answers each with a JSON line.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

type testCase struct {
	Roots         string    `json:"roots"`
	Intermediates string    `json:"intermediates"`
	Leaf          string    `json:"leaf"`
	DNSName       string    `json:"dnsName"`
	Usage         string    `json:"usage"` // server, client or any
	At            time.Time `json:"at"`
	CRL           string    `json:"crl"` // checked against the first root when present
}

type verdict struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Serial string `json:"serial,omitempty"`
}

var usages = map[string]x509.ExtKeyUsage{
	"server": x509.ExtKeyUsageServerAuth,
	"client": x509.ExtKeyUsageClientAuth,
	"any":    x509.ExtKeyUsageAny,
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var c testCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "reading a case:", err)
			os.Exit(2)
		}
		answers.Encode(judge(c))
	}
}

func judge(c testCase) verdict {
	leaf, err := parseCertificate(c.Leaf)
	if err != nil {
		return verdict{Error: err.Error()}
	}
	serial := fmt.Sprintf("%X", leaf.SerialNumber)
	if err := verify(c, leaf); err != nil {
		return verdict{Error: err.Error(), Serial: serial}
	}
	return verdict{OK: true, Serial: serial}
}

func verify(c testCase, leaf *x509.Certificate) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.Roots))
	intermediates.AppendCertsFromPEM([]byte(c.Intermediates))
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		DNSName:       c.DNSName,
		CurrentTime:   c.At,
		KeyUsages:     []x509.ExtKeyUsage{usages[c.Usage]},
	})
	if err != nil || c.CRL == "" {
		return err
	}
	return checkRevocation(c, leaf)
}

func checkRevocation(c testCase, leaf *x509.Certificate) error {
	issuer, err := parseCertificate(c.Roots)
	if err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(c.CRL))
	if block == nil || block.Type != "X509 CRL" {
		return fmt.Errorf("no X509 CRL block")
	}
	crl, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return err
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	for _, entry := range crl.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
			return fmt.Errorf("revoked with reason %d", entry.ReasonCode)
		}
	}
	return nil
}

func parseCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}
