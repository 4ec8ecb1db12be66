// Command oldgateway is a gateway that speaks HTTP/1.1 only, built on net/http and crypto/tls: what tests peer with to
// know that another implementation than ours understands us. Like the gateways that it stands for it cannot half-close,
// loses what comes before it has answered a CONNECT, and has strict time limits for requests.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// config comes as JSON on standard input, which also tells when to end: with its end.
type config struct {
	Name, CA, Cert, Key string
	// Listen is the address of the peer port.
	Listen string
	// Exports maps NAME (in the namespace default) to HOST:PORT.
	Exports map[string]string
	// Imports maps a local address to what it leads to.
	Imports map[string]source
	Labels  map[string]string
	// Denied is a label of clients that are not allowed.
	Denied string
}

type source struct {
	Peer, Gateway, Export string
}

type authzBody struct {
	ServiceName, ServiceNamespace string
	SrcAttributes                 map[string]string
}

type gateway struct {
	config
	certificate tls.Certificate
	roots       *x509.CertPool
	mutex       sync.Mutex
	granted     map[string]string
}

func main() {
	log.SetFlags(0)
	input := json.NewDecoder(os.Stdin)
	g := gateway{granted: map[string]string{}}
	must(input.Decode(&g.config))
	var err error
	g.certificate, err = tls.X509KeyPair([]byte(g.Cert), []byte(g.Key))
	must(err)
	g.roots = x509.NewCertPool()
	if !g.roots.AppendCertsFromPEM([]byte(g.CA)) {
		log.Fatal("no CA")
	}
	listener, err := net.Listen("tcp", g.Listen)
	must(err)
	go func() { must(g.servePeers(listener)) }()
	for address, from := range g.Imports {
		local, err := net.Listen("tcp", address)
		must(err)
		go g.serveImport(local, from)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, input.Buffered())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func (g *gateway) servePeers(listener net.Listener) error {
	forEach := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{g.certificate},
		ClientCAs:    g.roots,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}
	server := http.Server{
		Handler:           g,
		ReadHeaderTimeout: 2 * time.Second,
		WriteTimeout:      2 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    10 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{g.certificate},
			// Without the names that net/http adds: there is no ALPN.
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return forEach, nil },
		},
	}
	return server.ServeTLS(listener, "", "")
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.TLS.ServerName != g.Name {
		http.Error(w, "this is "+g.Name, http.StatusMisdirectedRequest)
		return
	}
	switch {
	case r.Method == http.MethodConnect:
		g.connect(w, r)
	case r.URL.Path == "/healthz":
		labels, _ := json.Marshal(g.Labels)
		w.Header().Set("ClusterLinkPeerLabels", base64.StdEncoding.EncodeToString(labels))
	case r.Method == http.MethodPost && r.URL.Path == "/authz":
		g.authorize(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (g *gateway) authorize(w http.ResponseWriter, r *http.Request) {
	var asked authzBody
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	target, found := g.Exports[asked.ServiceName]
	switch {
	case !found || asked.ServiceNamespace != "default":
		http.Error(w, "no such export", http.StatusNotFound)
		return
	case g.Denied != "" && asked.SrcAttributes["client.clusterlink.net/labels.app"] == g.Denied:
		http.Error(w, "denied", http.StatusForbidden)
		return
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	token := hex.EncodeToString(random)
	g.mutex.Lock()
	g.granted[token] = target
	g.mutex.Unlock()
	w.Header().Set("x-access-token", token)
}

func (g *gateway) connect(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("authorization"), "Bearer ")
	g.mutex.Lock()
	target, found := g.granted[token]
	delete(g.granted, token)
	g.mutex.Unlock()
	if !found {
		http.Error(w, "bad token", http.StatusForbidden)
		return
	}
	service, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		http.Error(w, "unreachable", http.StatusInternalServerError)
		return
	}
	// The reader that goes with the connection is dropped, and what it holds with it.
	peer, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		service.Close()
		return
	}
	_ = peer.SetDeadline(time.Time{})
	_, _ = io.WriteString(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
	shuttle(service, peer)
}

func (g *gateway) serveImport(local net.Listener, from source) {
	trust := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{g.certificate},
		RootCAs:      g.roots,
		ServerName:   from.Peer,
	}
	control := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: trust}}
	for {
		app, err := local.Accept()
		must(err)
		go func() {
			defer app.Close()
			if err := g.open(app, from, trust, control); err != nil {
				log.Println(err)
			}
		}()
	}
}

func (g *gateway) open(app net.Conn, from source, trust *tls.Config, control *http.Client) error {
	claims := map[string]string{
		"peer.clusterlink.net/name":          g.Name,
		"client.clusterlink.net/namespace":   "default",
		"client.clusterlink.net/labels.app":  "web",
		"peer.clusterlink.net/labels.region": "old",
	}
	body, err := json.Marshal(authzBody{from.Export, "default", claims})
	if err != nil {
		return err
	}
	granted, err := control.Post("https://"+from.Gateway+"/authz", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	defer granted.Body.Close()
	token := granted.Header.Get("x-access-token")
	if granted.StatusCode != http.StatusOK || token == "" {
		return errors.New("authz: " + granted.Status)
	}
	peer, err := tls.Dial("tcp", from.Gateway, trust)
	if err != nil {
		return err
	}
	defer peer.Close()
	dialled := func(context.Context, string, string) (net.Conn, error) { return peer, nil }
	client := http.Client{Transport: &http.Transport{DialTLSContext: dialled}}
	request, err := http.NewRequest(http.MethodConnect, "https://"+from.Peer+":443", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("authorization", "Bearer "+token)
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New("connect: " + answer.Status)
	}
	shuttle(app, peer)
	return nil
}

// shuttle copies both ways until one side ends, and then closes both.
func shuttle(a, b net.Conn) {
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		go func(from, to net.Conn) {
			_, _ = io.Copy(onlyWriter{to}, onlyReader{from})
			ended <- struct{}{}
		}(pair[0], pair[1])
	}
	<-ended
	_ = a.SetReadDeadline(time.Now())
	_ = b.SetReadDeadline(time.Now())
	<-ended
	a.Close()
	b.Close()
}

type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
