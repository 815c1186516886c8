"""A Scrapy spider with trafilatura in an item pipeline: given a file of URLs and a proxy, fetches and extracts all.

    python bench/peer_spider.py URLS PROXY OUT      writes {"pages", "seconds", "characters"} to OUT

Runs in the peers' own environment and imports nothing of the project. It is spared what a crawler does besides:
it is told every URL, follows no link, keeps no frontier and no archive. The proxy is the local server itself, which
finds the host in the request line.
"""

import json
import sys
import time

import scrapy
import trafilatura
from scrapy.crawler import CrawlerProcess

COUNTS = {"pages": 0, "characters": 0}


class Extraction:
    """The item pipeline."""

    def process_item(self, item, spider=None):
        text = trafilatura.extract(item["html"], url=item["url"])
        COUNTS["pages"] += 1
        COUNTS["characters"] += len(text or "")
        return {"url": item["url"]}


class Pages(scrapy.Spider):
    """Every URL of the list, once."""

    name = "pages"

    async def start(self):
        for url in self.urls:
            yield scrapy.Request(url, meta={"proxy": self.proxy}, dont_filter=True)

    def parse(self, response):
        if isinstance(response, scrapy.http.TextResponse):
            yield {"url": response.url, "html": response.text}


def main():
    urls, proxy, out = sys.argv[1:]
    with open(urls, encoding="utf-8") as file:
        listed = file.read().split()
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": 32,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 32,
            "DOWNLOAD_DELAY": 0,
            "ROBOTSTXT_OBEY": False,
            "COOKIES_ENABLED": False,
            "RETRY_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR",
            "ITEM_PIPELINES": {Extraction: 1},
        }
    )
    process.crawl(Pages, urls=listed, proxy=proxy)
    begun = time.perf_counter()
    process.start()
    with open(out, "w", encoding="utf-8") as file:
        json.dump({**COUNTS, "seconds": time.perf_counter() - begun}, file)


if __name__ == "__main__":
    main()
