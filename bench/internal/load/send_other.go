//go:build !linux

package load

// Send sends n requests as fast as the server answers, on each connection one after
// another. next returns the request with a number, counted from 0 on.
func (c *Client) Send(n int, next func(i int) Request) error {
	return c.each(n, func(cn *conn, i int) error { return cn.send(next(i)) })
}
