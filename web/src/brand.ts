/** What the page calls itself. The title in index.html says the same before scripts run. */
export const brand = 'Passerby';
