//! Word lists. Places and people are invented.

#[rustfmt::skip]
pub(super) const ADJECTIVES: &[&str] = &[
    "Amber", "Ashen", "Bitter", "Borrowed", "Brazen", "Brittle", "Cobalt", "Copper", "Crooked", "Distant", "Drowned",
    "Early", "Ember", "Faithful", "Feral", "Folded", "Forgotten", "Frozen", "Gilded", "Grateful", "Hidden", "Hollow",
    "Humble", "Idle", "Iron", "Ivory", "Jagged", "Last", "Lonely", "Lost", "Lucky", "Marble", "Mended", "Narrow",
    "Nimble", "Northern", "Pale", "Paper", "Patient", "Quiet", "Restless", "Rusted", "Salted", "Scarlet", "Second",
    "Silver", "Sleepless", "Slow", "Solemn", "Stolen", "Stubborn", "Sudden", "Tangled", "Tender", "Thirsty", "Thousandth",
    "Unsent", "Velvet", "Wandering", "Wary", "Weathered", "Wild", "Winter", "Wooden",
];

#[rustfmt::skip]
pub(super) const NOUNS: &[&str] = &[
    "Anchor", "Anvil", "Apple", "Arrow", "Ballad", "Barrel", "Beacon", "Bell", "Bridge", "Cabin", "Candle", "Canyon",
    "Carpenter", "Cartographer", "Chapel", "Cipher", "Clock", "Compass", "Crown", "Dancer", "Debt", "Ditch", "Door",
    "Engine", "Falcon", "Feast", "Fiddle", "Forge", "Garden", "Glacier", "Harbour", "Harvest", "Heron", "Hourglass",
    "Island", "Kettle", "Key", "Ladder", "Lantern", "Ledger", "Letter", "Lighthouse", "Map", "Mill", "Mirror", "Needle",
    "Oath", "Orchard", "Oven", "Parade", "Pilot", "Promise", "Quarry", "Raft", "Riddle", "River", "Rope", "Sail", "Shadow",
    "Signal", "Sparrow", "Staircase", "Storm", "Tailor", "Thread", "Tide", "Tower", "Tunnel", "Umbrella", "Valley",
    "Violin", "Wager", "Walnut", "Well", "Whistle", "Window", "Witness", "Workshop",
];

#[rustfmt::skip]
pub(super) const PLACES: &[&str] = &[
    "Abrenholt", "Ardessa", "Belmorra", "Brastov", "Calverin", "Corrundel", "Dannemark Hill", "Dovrenne", "Eldermoor",
    "Esquillo", "Farrowick", "Fenmarrow", "Galdivar", "Grenholm Reach", "Hallowmere", "Hestrand", "Ildavoe", "Istermund",
    "Jorvale", "Kellindor", "Kesterwyn", "Lanthorpe", "Lorridan", "Marrowdeen", "Mistelgard", "Norhallow", "Nyrevik",
    "Ondrigal", "Ostravane", "Pellamine", "Porthaver", "Quillmoor", "Ravensund", "Rostagne", "Sablewick", "Serrandine",
    "Tamberley", "Tolvarra", "Ulverstead", "Umbrossa", "Valdemire", "Vellancourt", "Wenderlow", "Wintergate", "Yarrowden",
    "Yssendal", "Zandermuir", "Zephirine",
];

#[rustfmt::skip]
pub(super) const PEOPLE: &[&str] = &[
    "Abelaine", "Adrovan", "Berrick", "Bisolde", "Calanth", "Corvanne", "Dagnell", "Delphirra", "Edrisse", "Emberly",
    "Farrukan", "Fionelle", "Gavrielle", "Gristan", "Hathorne", "Helvior", "Ibrinna", "Ilvane", "Jasquin", "Jorenna",
    "Kaspero", "Keziane", "Lorcanna", "Lysander Voe", "Maravel", "Mirrikan", "Nadrielle", "Norvane", "Odalind", "Orsino Vael",
    "Perrivan", "Quorra Lind", "Rosalinde Aw", "Sevrin", "Solvanne", "Tamsinelle", "Torrik", "Ulricane", "Vesperin",
    "Yolandre",
];

#[rustfmt::skip]
pub(super) const ROLES: &[&str] = &[
    "Apprentice", "Archivist", "Baker", "Beekeeper", "Blacksmith", "Bookbinder", "Botanist", "Clockmaker", "Composer",
    "Courier", "Detective", "Diver", "Ferryman", "Gardener", "Glazier", "Hermit", "Illustrator", "Innkeeper", "Juggler",
    "Keeper", "Locksmith", "Midwife", "Miller", "Navigator", "Organist", "Physician", "Printer", "Puppeteer", "Ranger",
    "Sculptor", "Shepherd", "Surveyor", "Teacher", "Translator", "Watchman", "Weaver",
];

#[rustfmt::skip]
pub(super) const DEEDS: &[&str] = &[
    "finds", "hides", "inherits", "loses", "mends", "must return", "paints", "refuses", "repairs", "searches for", "sells",
    "steals", "swears by", "trades", "wakes", "wins",
];

#[rustfmt::skip]
pub(super) const TWISTS: &[&str] = &[
    "A stranger arrives by the night train", "An old friend asks for it back", "Nobody believes it at first",
    "The river rises for the third time", "The town has forgotten why", "Two brothers claim it",
    "What was buried comes to light", "Winter comes early that year", "A letter is forty years late",
    "The bells stop at noon", "Every clock shows another hour", "The road north is closed",
];
