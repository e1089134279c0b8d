// The list over a reload, in the browser's database: answers, never videos.

const DATABASE = "r3d";
const VERSION = 1;
const TABLE = "runs";
const MOST = 100;

// Where the browser has no database, as in some private windows, nothing is kept.
export async function openStore() {
  try {
    return new Store(await opened());
  } catch {
    return { all: async () => [], put: () => {}, remove: () => {} };
  }
}

function opened() {
  const request = indexedDB.open(DATABASE, VERSION);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id" });
  return settled(request);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  // In the order in which they were added; of many the last.
  async all() {
    const records = await settled(this.#table("readonly").getAll());
    records.sort((a, b) => a.order - b.order);
    records.splice(0, records.length - MOST).forEach(({ id }) => this.remove(id));
    return records;
  }

  put(record) {
    this.#table("readwrite").put(record);
  }

  remove(id) {
    this.#table("readwrite").delete(id);
  }

  #table(mode) {
    return this.#database.transaction(TABLE, mode).objectStore(TABLE);
  }
}
