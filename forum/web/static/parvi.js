// Makes the pages pleasanter; every one of them works without.

const POLL_MS = 3000;
const STREAM_ROUNDS = 20; // a stream that was refused is asked for again once a minute

dropSentDrafts();
for (const form of document.querySelectorAll("[data-write]")) prepareWriting(form);
for (const form of document.querySelectorAll("form")) disableDoubleSend(form);
const live = document.querySelector("[data-live]");
if (live) follow(live);

function prepareWriting(form) {
  for (const field of form.querySelectorAll("[data-draft]")) keepDraft(form, field);
  takeFiles(form);
  sendByKey(form);
}

// A draft stays in this browser until its message has arrived: until we stand before it.

function keepDraft(form, field) {
  const key = `draft:${field.dataset.draft}`;
  if (!field.value) field.value = localStorage.getItem(key) ?? "";
  field.addEventListener("input", () => {
    if (field.value) localStorage.setItem(key, field.value);
    else localStorage.removeItem(key);
  });
  form.addEventListener("submit", () => {
    sessionStorage.setItem("sent", JSON.stringify({ ...sent(), [key]: field.value }));
  });
}

function dropSentDrafts() {
  const hasArrived = location.hash.startsWith("#post-");
  for (const [key, text] of Object.entries(sent())) {
    if (hasArrived && localStorage.getItem(key) === text) localStorage.removeItem(key);
  }
  sessionStorage.removeItem("sent");
}

function sent() {
  return JSON.parse(sessionStorage.getItem("sent") ?? "{}");
}

function disableDoubleSend(form) {
  const button = form.querySelector("[data-sending]");
  if (!button) return;
  const said = button.textContent;
  form.addEventListener("submit", () => setTimeout(() => {
    button.disabled = true;
    button.textContent = button.dataset.sending;
  }));
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = said;
  });
}

// Files dropped or pasted anywhere on the form join those that were chosen.

function takeFiles(form) {
  const input = form.querySelector("input[type=file]");
  const add = (files) => {
    const all = new DataTransfer();
    for (const file of [...input.files, ...files]) all.items.add(file);
    input.files = all.files;
  };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  form.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    form.classList.add("over-me");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over-me"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("over-me");
    if (!hasFiles(event)) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
  form.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) add(event.clipboardData.files);
  });
}

function sendByKey(form) {
  for (const hint of form.querySelectorAll("[data-said]")) hint.hidden = false;
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

// New posts come in at the end while someone reads. What is in view stays where it is. A stream says when there is
// something; where it is refused or cut, it is asked for now and then. A page nobody sees has none: over HTTP/1.1 a
// browser has six connections to a site, and each open tab would take one.

function follow(list) {
  let tag = null;
  let stream = null;
  let rounds = 0;
  const ask = async () => {
    if (document.hidden) return;
    const answer = await fetch(`${list.dataset.live}?posts=${lastNumber(list)}`, {
      headers: tag ? { "If-None-Match": tag } : {},
      cache: "no-store",
    });
    if (!answer.ok) return;
    tag = answer.headers.get("ETag");
    append(list, await answer.text());
  };
  const look = () => ask().catch(() => {});
  const listen = () => {
    stream?.close();
    stream = document.hidden ? null : new EventSource(list.dataset.stream);
    if (stream) stream.onopen = stream.onmessage = look;
  };
  const isOpen = () => stream?.readyState === EventSource.OPEN;
  const again = async () => {
    if (!isOpen()) await look();
    rounds += 1;
    if (rounds % STREAM_ROUNDS === 0 && stream?.readyState === EventSource.CLOSED) listen();
    setTimeout(again, POLL_MS);
  };
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => stream?.close());
  addEventListener("pageshow", (event) => event.persisted && listen());
  listen();
  setTimeout(again, POLL_MS);
}

function append(list, html) {
  const last = lastNumber(list);
  const arrived = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("article")].filter(
    (post) => Number(post.dataset.number) > last,
  );
  if (!arrived.length) return;
  const next = document.querySelector("#reply") ?? document.querySelector("#follow") ?? list;
  const before = next.getBoundingClientRect().top;
  for (const post of arrived) post.classList.add("arrived");
  list.append(...arrived);
  if (before < innerHeight) scrollBy({ top: next.getBoundingClientRect().top - before, behavior: "instant" });
  document.querySelector("[data-news]").textContent = arrived.length === 1 ? list.dataset.one : list.dataset.many;
}

function lastNumber(list) {
  return Math.max(0, ...[...list.querySelectorAll("[data-number]")].map((post) => Number(post.dataset.number)));
}
