// The theme searches in a web worker, which browsers refuse to a page that was opened as a file. This class does the
// same in a hidden frame. (The theme looks for it by this name.)
if (location.protocol === "file:") {
  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inner = frame.contentWindow;
      this.inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inner.importScripts = async (...urls) => {
        for (const next of urls) await this.load(next);
      };
      this.ready = this.load(url);
    }

    load(url) {
      const script = this.inner.document.createElement("script");
      script.src = new URL(url, location.href);
      this.inner.document.body.append(script);
      return new Promise((loaded, failed) => Object.assign(script, { onload: loaded, onerror: failed }));
    }

    async postMessage(data) {
      await this.ready;
      this.inner.dispatchEvent(new MessageEvent("message", { data }));
    }
  }
  window.Worker = window.IFrameWorker = IFrameWorker;
}
