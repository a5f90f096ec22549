setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  const stale = document.getElementById("stale");
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    if (!answer.ok) throw answer.status;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (next.querySelectorAll("section").length !== document.querySelectorAll("section").length) return location.reload();
    document.title = next.title;
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = next.getElementById(old.id);
      if (now) old.replaceWith(now);
    }
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}, 3000);
