// What some browsers have and lib.dom.d.ts does not tell of.

/** Network Information API: Chromium on Android; others have none. */
interface Navigator {
  readonly connection?: EventTarget & { readonly type?: string };
}
