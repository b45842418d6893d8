// The server reports when this session ends, for example on another device. The page then shows nothing of the user any more.
const listen = () => {
    const events = new EventSource("/events");
    events.addEventListener("ended", () => {
        events.close();
        location.replace("/ended");
    });
    // The browser connects again by itself, except after a response that is no stream of events, such as 204 or 503.
    events.addEventListener("error", () => {
        if (events.readyState === EventSource.CLOSED) {
            setTimeout(listen, 30_000);
        }
    });
    addEventListener("pagehide", () => events.close(), { once: true });
};

if (document.body.dataset.user) {
    listen();
}

// A page that the browser kept in memory may be of a session that has ended.
addEventListener("pageshow", (event) => {
    if (event.persisted) {
        location.reload();
    }
});
