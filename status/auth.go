package status

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// Auth is a user and a password, as HTTP's basic authentication has them. The
// zero Auth asks for none.
type Auth struct{ User, Password string }

// guard lets through who knows both. The time that it takes says nothing of how
// much of either was right.
func (a Auth) guard(next http.Handler) http.Handler {
	if a == (Auth{}) {
		return next
	}
	user, password := sha256.Sum256([]byte(a.User)), sha256.Sum256([]byte(a.Password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		givenUser, givenPassword := sha256.Sum256([]byte(u)), sha256.Sum256([]byte(p))
		if subtle.ConstantTimeCompare(user[:], givenUser[:])&subtle.ConstantTimeCompare(password[:], givenPassword[:]) == 1 {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="pgsluice", charset="UTF-8"`)
		plainly(w, http.StatusUnauthorized, "listen_auth names who may look")
	})
}
